"""Names in common use for losses of generators and divergences of distributions, with NumPy formulas."""

from jaxloss._names.table import ForeignName

__all__ = ["COMMON_GENERATION"]

COMMON_GENERATION = (
    ForeignName(
        ("gan_loss", "adversarial_loss", "vanilla_gan_loss", "discriminator_loss"),
        ("np.mean(np.logaddexp(0, -scores) + np.logaddexp(0, predictions))",),
        "jaxloss.gan_nonsaturating_discriminator_loss(scores, predictions)",
        "Logits of real and of generated examples. A sum of two means, which others halve.",
    ),
    ForeignName(
        ("gan_loss", "adversarial_loss", "vanilla_gan_loss", "generator_loss"),
        ("np.mean(np.logaddexp(0, -predictions))",),
        "jaxloss.gan_nonsaturating_generator_loss(predictions)",
        "Logits of generated examples.",
    ),
    ForeignName(
        ("wgan", "wgan_loss", "wasserstein_gan_loss", "wasserstein_loss"),
        ("np.mean(predictions) - np.mean(scores)",),
        "jaxloss.gan_wasserstein_discriminator_loss(scores, predictions)",
        "Scores of real and of generated examples; the critic minimises it.",
    ),
    ForeignName(
        ("wgan", "wgan_loss", "wasserstein_gan_loss", "wasserstein_loss"),
        ("-np.mean(predictions)",),
        "jaxloss.gan_wasserstein_generator_loss(predictions)",
        "Scores of generated examples.",
    ),
    ForeignName(
        ("wgan_gp", "wgan_gp_loss", "gradient_penalty_loss"),
        (
            "np.mean((np.linalg.norm(2 * (chances[:, :1] * predictions + (1 - chances[:, :1]) * targets), axis=-1) "
            "- 1) ** 2)",
        ),
        "jaxloss.gradient_penalty("
        "lambda params, x: jnp.sum(params * x**2, -1), jnp.ones((8, 5)), predictions, targets, chances[:, 0])",
        "Takes the critic, here a sum of squares, its parameters, real and generated examples, and the shares of the "
        "real ones. The factor 10 is yours, and the critic's loss is `jaxloss.gan_wasserstein_discriminator_loss`.",
    ),
    ForeignName(
        ("r1_regularization", "r1_regularizer", "r1_gradient_penalty", "zero_centered_gradient_penalty"),
        ("np.mean(np.sum((2 * predictions) ** 2, -1)) / 2",),
        "jaxloss.r1_penalty(lambda params, x: jnp.sum(params * x**2, -1), jnp.ones((8, 5)), predictions)",
        "Takes the discriminator, here a sum of squares, its parameters and real examples. With the half of the "
        "paper; its gamma is yours.",
    ),
    ForeignName(
        ("lsgan", "lsgan_loss", "least_squares_gan_loss"),
        ("np.mean((scores - 1) ** 2 + predictions**2) / 2",),
        "jaxloss.gan_least_squares_discriminator_loss(scores, predictions)",
        "Scores of real and of generated examples. With the half of the paper.",
    ),
    ForeignName(
        ("lsgan", "lsgan_loss", "least_squares_gan_loss"),
        ("np.mean((predictions - 1) ** 2) / 2",),
        "jaxloss.gan_least_squares_generator_loss(predictions)",
        "Scores of generated examples. With the half of the paper.",
    ),
    ForeignName(
        ("hinge_gan_loss", "gan_hinge_loss", "hinge_adversarial_loss"),
        ("np.mean(np.maximum(1 - scores, 0) + np.maximum(1 + predictions, 0))",),
        "jaxloss.gan_hinge_discriminator_loss(scores, predictions)",
        "Scores of real and of generated examples. The generator's, without a hinge: "
        "`jaxloss.gan_hinge_generator_loss`.",
    ),
    ForeignName(
        ("rpgan_loss", "r3gan_loss", "relativistic_loss"),
        ("np.mean(np.logaddexp(0, predictions - scores))",),
        "jaxloss.gan_relativistic_discriminator_loss(scores, predictions)",
        "Scores of real and of generated examples. R3GAN adds `jaxloss.r1_penalty` and `jaxloss.r2_penalty`.",
    ),
    ForeignName(
        ("ragan_loss", "relativistic_gan_loss", "relativistic_average_loss"),
        (
            "np.mean(np.logaddexp(0, predictions[:, 0].mean() - scores[:, 0]) "
            "+ np.logaddexp(0, predictions[:, 0] - scores[:, 0].mean()))",
        ),
        "jaxloss.gan_relativistic_average_discriminator_loss(scores[:, 0], predictions[:, 0])",
        "Averages run over the last axis. The sum of the two terms, which others halve.",
    ),
    ForeignName(
        ("vae_loss", "beta_vae_loss", "negative_elbo", "elbo"),
        (
            "np.mean(np.sum(np.logaddexp(0, scores) - bits * scores, -1) "
            "+ np.sum(means**2 + variances - np.log(variances) - 1, -1) / 2)",
        ),
        "jaxloss.elbo_loss(jaxloss.sigmoid_binary_cross_entropy(scores, bits, reduction='none').sum(-1), "
        "jaxloss.gaussian_kl_standard_normal(means, jnp.log(variances), reduction='none'))",
        "Any likelihood and divergence, one number each per example: sums over entries, not means. Has `beta`.",
    ),
    ForeignName(
        ("iwae", "iwae_bound", "iw_elbo", "importance_weighted_bound"),
        ("-np.mean(np.log(np.mean(np.exp(scores), -1)))",),
        "jaxloss.iwae_loss(scores)",
        "Logarithms of importance weights, the samples last.",
    ),
    ForeignName(
        ("vq_loss", "vq_vae_loss", "vqvae_loss", "commitment_loss"),
        ("1.25 * np.mean(np.sum((predictions - targets) ** 2, -1))",),
        "jaxloss.vq_codebook_loss(targets, predictions) + 0.25 * jaxloss.vq_commitment_loss(predictions, targets)",
        "Encodings and their codes, a sum over the features. The reconstruction is a term of its own, from "
        "`jaxloss.straight_through`.",
    ),
    ForeignName(
        ("ste", "straight_through_estimator"),
        ("targets",),
        "jaxloss.straight_through(predictions, targets)",
        "The value of the second with the gradient of the first.",
    ),
    ForeignName(
        ("ddpm_loss", "noise_prediction_loss", "eps_prediction_loss", "diffusion_loss"),
        ("np.mean((predictions - noise) ** 2)",),
        "jaxloss.epsilon_prediction_loss(predictions, noise, jnp.ones(8))",
        "The third argument weighs each example's noise level, for instance by `jaxloss.min_snr_weights_for_epsilon`.",
    ),
    ForeignName(
        ("sample_prediction_loss", "x_prediction_loss", "denoising_loss"),
        ("np.mean(np.sum((predictions - samples) ** 2, -1) / 5 * (alphas / sigmas) ** 2)",),
        "jaxloss.x0_prediction_loss(predictions, samples, (alphas / sigmas) ** 2)",
        "The third argument weighs each example's noise level, here by the signal-to-noise ratio.",
    ),
    ForeignName(
        ("edm_loss", "edm_denoising_loss"),
        ("np.mean(np.sum((predictions - samples) ** 2, -1) / 5 * (sigmas**2 + 0.25) / (0.5 * sigmas) ** 2)",),
        "jaxloss.x0_prediction_loss(predictions, samples, jaxloss.edm_weights(sigmas))",
        "The standard deviation of the data, 0.5, is `sigma_data` of the weights.",
    ),
    ForeignName(
        ("v_loss", "v_objective_loss", "velocity_prediction_loss"),
        ("np.mean((predictions - alphas[:, None] * noise + sigmas[:, None] * samples) ** 2)",),
        "jaxloss.v_prediction_loss(predictions, samples, noise, alphas, sigmas, jnp.ones(8))",
        "The velocity of diffusion, alpha noise - sigma data; that of flows: `jaxloss.flow_matching_loss`.",
    ),
    ForeignName(
        (
            "rectified_flow",
            "rectified_flow_loss",
            "conditional_flow_matching_loss",
            "cfm_loss",
            "velocity_matching_loss",
        ),
        ("np.mean((predictions - samples + noise) ** 2)",),
        "jaxloss.flow_matching_loss(predictions, noise, samples, jnp.ones(8))",
        "Noise at time 0, data at time 1. The network predicts at `jaxloss.linear_flow_path`.",
    ),
    ForeignName(
        ("dsm_loss", "ncsn_loss", "score_loss"),
        ("np.mean((sigmas[:, None] * predictions + noise) ** 2)",),
        "jaxloss.denoising_score_matching_loss(predictions, noise, sigmas, jnp.ones(8))",
        "Without a half; a mean over entries.",
    ),
    ForeignName(
        ("q_sample", "add_noise", "forward_diffusion"),
        ("alphas[:, None] * samples + sigmas[:, None] * noise",),
        "jaxloss.diffuse(samples, noise, alphas, sigmas)",
        "Factors of data and noise per example; a schedule is yours.",
    ),
    ForeignName(
        ("sds", "sds_loss"),
        ("np.mean(np.sum((predictions - noise) * samples, -1))",),
        "jaxloss.score_distillation_loss(samples, predictions, noise, jnp.ones(8))",
        "Its gradient is the point, its value is no measure.",
    ),
    ForeignName(
        ("jsd", "js_div", "js_loss", "js_divergence"),
        (
            "np.mean(np.sum(probs * np.log(2 * probs / (probs + soft_targets)) "
            "+ soft_targets * np.log(2 * soft_targets / (probs + soft_targets)), -1)) / 2",
        ),
        "jaxloss.jensen_shannon_divergence(log_probs, log_targets)",
        "Log-probabilities. SciPy's `jensenshannon` is its root. From logits, with a share: "
        "`jaxloss.generalized_jensen_shannon_divergence`.",
    ),
    ForeignName(
        ("hellinger", "hellinger_loss", "hellinger_distance"),
        ("np.mean(np.sum((np.sqrt(probs) - np.sqrt(soft_targets)) ** 2, -1)) / 2",),
        "jaxloss.squared_hellinger_distance(log_probs, log_targets)",
        "Squared; log-probabilities.",
    ),
    ForeignName(
        ("tvd", "tv_distance"),
        ("np.mean(np.sum(np.abs(probs - soft_targets), -1)) / 2",),
        "jaxloss.total_variation_distance(probs, soft_targets)",
        "Of distributions.",
    ),
    ForeignName(
        ("reverse_kl", "reverse_kl_loss", "mode_seeking_kl"),
        ("np.mean(np.sum(probs * (log_probs - log_targets), -1))",),
        "jaxloss.reverse_kl_divergence(log_probs, log_targets)",
        "KL(prediction || target), from log-probabilities.",
    ),
    ForeignName(
        ("kl_div_with_logits", "kl_divergence_with_logits", "kl_with_logits"),
        (
            "np.mean(np.sum(softmax(positive_logits, -1) "
            "* (log_softmax(positive_logits, -1) - log_softmax(logits, -1)), -1))",
        ),
        "jaxloss.kl_divergence_from_logits(logits, positive_logits)",
        "KL(target || prediction). With a temperature: `jaxloss.knowledge_distillation_loss`.",
    ),
    ForeignName(
        ("normal_kl", "kl_normals", "gaussian_kl_divergence"),
        ("np.mean(np.sum(np.log(rates / variances) + (variances + (means - predictions) ** 2) / rates - 1, -1)) / 2",),
        "jaxloss.gaussian_kl(means, jnp.log(variances), predictions, jnp.log(rates))",
        "The expectation is over the first; takes log-variances; a sum over the last axis.",
    ),
)
