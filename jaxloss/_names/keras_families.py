"""The losses of Keras for masks, embeddings and sequences."""

from jaxloss._names.table import ForeignName

__all__ = ["KERAS_FAMILIES"]

KERAS_FAMILIES = (
    ForeignName(
        ("dice", "Dice"),
        (
            "keras.losses.dice(pixel_bits, pixel_chances)",
            "keras.losses.Dice()(pixel_bits, pixel_chances)",
        ),
        "jaxloss.dice_loss(pixel_chances, pixel_bits, pixel_ndim=3, smoothing=0.0)",
        "Predictions first. One pool of all pixels, the batch included, is Keras' default.",
    ),
    ForeignName(
        ("dice", "Dice"),
        (
            "keras.losses.dice(pixel_bits, pixel_chances, axis=(1, 2)).mean()",
            "keras.losses.Dice(axis=(1, 2))(pixel_bits, pixel_chances)",
        ),
        "jaxloss.dice_loss(pixel_chances, pixel_bits, pixel_ndim=2, smoothing=0.0)",
        "A loss per image; the pixels are the last axes, and classes, if any, stand before them.",
    ),
    ForeignName(
        ("tversky", "Tversky"),
        (
            "keras.losses.tversky(pixel_bits, pixel_chances, alpha=0.7, beta=0.3)",
            "keras.losses.Tversky(alpha=0.7, beta=0.3)(pixel_bits, pixel_chances)",
        ),
        "jaxloss.tversky_loss(pixel_chances, pixel_bits, pixel_ndim=3, alpha=0.3, beta=0.7, smoothing=0.0)",
        "`alpha` weighs false positives, as in the paper and in Keras' documentation; in Keras' code it weighs false "
        "negatives.",
    ),
    ForeignName(
        ("circle", "Circle"),
        (
            "keras.losses.circle(labels, unit_predictions, gamma=8.0, margin=0.25)",
            "keras.losses.Circle(gamma=8.0, margin=0.25, reduction='none')(labels, unit_predictions)",
        ),
        "jaxloss.circle_loss(unit_predictions, labels, scale=8.0, margin=0.25, reduction='none')",
        "`gamma` is `scale`. Normalises embeddings itself. The gradient differs: as in the paper the weights of the "
        "cosines pass none.",
    ),
    ForeignName(
        ("ctc", "CTC"),
        (
            "keras.losses.ctc(transcripts, frame_logits).mean()",
            "keras.losses.CTC()(transcripts, frame_logits)",
        ),
        "jaxloss.ctc_loss(frame_logits, transcripts, jnp.full(8, 7), jnp.sum(transcripts != 0, axis=-1))",
        "Takes the lengths: Keras uses all frames, and counts the labels that are not the blank, 0.",
    ),
)
