"""Names in common use for losses of language models, of their tuning and of routers, with NumPy formulas."""

from jaxloss._names.table import ForeignName

__all__ = ["COMMON_LANGUAGE"]

_MARGINS = "chosen_logps - rejected_logps - reference_chosen_logps + reference_rejected_logps"
_RATIO = "np.exp(token_logps - old_token_logps)"

COMMON_LANGUAGE = (
    ForeignName(
        ("causal_lm_loss", "lm_loss", "language_model_loss", "next_token_loss", "ForCausalLMLoss"),
        ("-np.mean(np.take_along_axis(log_softmax(token_logits[:, :-1], -1), tokens[:, 1:, None], -1))",),
        "jaxloss.softmax_cross_entropy_with_integer_labels(token_logits[:, :-1], jaxloss.next_tokens(tokens).labels)",
        "Losses never shift; `jaxloss.next_tokens` does, and makes the mask of packed documents and prompts.",
    ),
    ForeignName(
        ("sft_loss", "mlm_loss", "masked_lm_loss", "masked_language_modeling_loss"),
        ("-np.mean(np.take_along_axis(log_softmax(token_logits, -1), tokens[:, :, None], -1)[frame_paddings == 0])",),
        "jaxloss.softmax_cross_entropy_with_integer_labels(token_logits, tokens, where=frame_paddings == 0)",
        "A mask says which tokens count, not a label of -100. Masked tokens are made by `jaxloss.mask_tokens`.",
    ),
    ForeignName(
        ("ppl", "perplexity"),
        ("np.exp(-np.mean(log_probs[np.arange(8), labels]))",),
        "jnp.exp(jaxloss.softmax_cross_entropy_with_integer_labels(log_probs, labels))",
        "The exponential of the mean loss.",
    ),
    ForeignName(
        ("bpc", "bpd", "bits_per_dim", "bits_per_byte", "bits_per_character"),
        ("-np.mean(np.log2(probs[np.arange(8), labels]))",),
        "jaxloss.softmax_cross_entropy_with_integer_labels(log_probs, labels) / jnp.log(2.0)",
        "Losses are in nats. Per entry; of text divide the sum by the number of bytes.",
    ),
    ForeignName(
        (
            "fused_linear_cross_entropy",
            "fused_cross_entropy",
            "chunked_cross_entropy",
            "cut_cross_entropy",
            "LigerFusedLinearCrossEntropyLoss",
        ),
        ("-np.mean(log_softmax(predictions @ output_weight.T, -1)[np.arange(8), labels])",),
        "jaxloss.linear_softmax_cross_entropy(predictions, output_weight.T, labels)",
        "The kernel is `[features, classes]`; the scores are never in memory all at once.",
    ),
    ForeignName(
        ("logprobs_from_logits", "get_batch_logps", "gather_log_probs", "token_log_probs"),
        ("log_softmax(logits, -1)[np.arange(8), labels]",),
        "jaxloss.selective_log_softmax(logits, labels)",
        "Per token; sums over answers: `jaxloss.sequence_logps`.",
    ),
    ForeignName(
        ("softcap", "softcapping", "logit_softcapping", "tanh_softcap"),
        ("30 * np.tanh(logits / 30)",),
        "jaxloss.soft_cap_logits(logits, soft_cap=30.0)",
        "",
    ),
    ForeignName(
        ("z_loss", "zloss", "logsumexp_penalty"),
        ("np.mean(logsumexp(logits, -1) ** 2)",),
        "jaxloss.softmax_z_loss(logits)",
        "The factor is yours. Beside a cross-entropy its argument `z_loss` is cheaper; of routers: "
        "`jaxloss.router_z_loss`.",
    ),
    ForeignName(
        ("reward_model_loss", "reward_modeling_loss", "pairwise_reward_loss", "bradley_terry", "bradley_terry_loss"),
        ("np.mean(np.logaddexp(0, rejected_logps - chosen_logps))",),
        "jaxloss.bradley_terry_reward_loss(chosen_logps, rejected_logps)",
        "Rewards of the preferred and of the other answers.",
    ),
    ForeignName(
        ("direct_preference_loss", "preference_loss"),
        (f"np.mean(np.logaddexp(0, -0.1 * ({_MARGINS})))",),
        "jaxloss.dpo_loss(chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps)",
        "Log-probabilities of answers, sums over tokens. `beta` is 0.1.",
    ),
    ForeignName(
        ("cdpo", "cdpo_loss", "conservative_dpo_loss"),
        (f"np.mean([0.9 * np.logaddexp(0, -0.1 * m) + 0.1 * np.logaddexp(0, 0.1 * m) for m in {_MARGINS}])",),
        "jaxloss.dpo_loss(chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps, "
        "label_smoothing=0.1)",
        "An argument. Unbiased under flipped preferences: `jaxloss.robust_dpo_loss`.",
    ),
    ForeignName(
        ("dpop", "dpop_loss", "smaug_loss"),
        (f"np.mean(np.logaddexp(0, -0.3 * ({_MARGINS} - 50 * np.maximum(reference_chosen_logps - chosen_logps, 0))))",),
        "jaxloss.dpo_positive_loss(chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps)",
        "",
    ),
    ForeignName(
        ("slic_hf", "slic_hf_loss", "hinge_dpo_loss"),
        (f"np.mean(np.maximum(0, 1 - 0.1 * ({_MARGINS})))",),
        "jaxloss.slic_loss(chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps)",
        "The paper has no reference: give zeros for it.",
    ),
    ForeignName(
        ("ppo_loss", "ppo_clipped_loss", "clipped_surrogate_loss", "surrogate_loss"),
        (f"-np.mean(np.minimum({_RATIO} * advantages, np.clip({_RATIO}, 0.8, 1.2) * advantages))",),
        "jaxloss.ppo_clip_loss(token_logps, old_token_logps, advantages)",
        "Log-probabilities; from ratios: `jaxloss.clipped_surrogate_pg_loss`. To be minimised.",
    ),
    ForeignName(
        ("dapo", "dapo_loss", "clip_higher"),
        (f"-np.mean(np.minimum({_RATIO} * advantages, np.clip({_RATIO}, 0.8, 1.28) * advantages))",),
        "jaxloss.ppo_clip_loss(token_logps, old_token_logps, advantages, clip_high=0.28)",
        "The mean over all tokens is the default.",
    ),
    ForeignName(
        ("dr_grpo", "dr_grpo_loss"),
        (f"-np.sum(np.minimum({_RATIO} * advantages, np.clip({_RATIO}, 0.8, 1.2) * advantages)) / (8 * 20)",),
        "jaxloss.ppo_clip_loss(token_logps, old_token_logps, advantages, "
        "reduction=jaxloss.aggregate_tokens('sequence_mean_token_scale', norm=20))",
        "The sum over tokens is divided by the greatest length, here 20. Advantages are `jaxloss.centered_advantages`.",
    ),
    ForeignName(
        ("gspo", "gspo_loss"),
        (
            "-np.mean([min(r * a, np.clip(r, 0.8, 1.2) * a) for r, a in zip("
            "np.exp(np.mean(token_logps - old_token_logps, -1)), advantages[:, 0])])",
        ),
        "jaxloss.ppo_clip_loss("
        "jaxloss.mean_sequence_logps(token_logps), jaxloss.mean_sequence_logps(old_token_logps), advantages[:, 0])",
        "One ratio and one advantage per answer.",
    ),
    ForeignName(
        ("grpo_advantages", "group_normalized_advantages", "group_relative_advantages"),
        ("(rewards - rewards.mean(-1, keepdims=True)) / (rewards.std(-1, ddof=1, keepdims=True) + 1e-4)",),
        "jaxloss.group_advantages(rewards)",
        "The answers to one prompt are the last axis.",
    ),
    ForeignName(
        ("rloo", "rloo_loss", "rloo_advantages", "leave_one_out_baseline"),
        ("rewards - (rewards.sum(-1, keepdims=True) - rewards) / 4",),
        "jaxloss.leave_one_out_advantages(rewards)",
        "The answers to one prompt are the last axis. The loss is `jaxloss.reinforce_loss` of these.",
    ),
    ForeignName(
        ("low_var_kl", "k3_kl", "kl_k3", "schulman_kl", "approx_kl"),
        ("np.mean(np.exp(reference_token_logps - token_logps) - 1 - (reference_token_logps - token_logps))",),
        "jaxloss.kl_estimate_k3(token_logps, reference_token_logps)",
        "The other estimates: `jaxloss.kl_estimate_k1` and `jaxloss.kl_estimate_k2`.",
    ),
    ForeignName(
        ("value_loss", "clipped_value_loss", "ppo_value_loss"),
        (
            "np.mean(np.maximum((predictions - amounts) ** 2, "
            "(targets + np.clip(predictions - targets, -0.2, 0.2) - amounts) ** 2)) / 2",
        ),
        "jaxloss.ppo_value_clip_loss(predictions, targets, amounts)",
        "Values, old values and returns. With a half. Without a clip: `jaxloss.half_squared_error`.",
    ),
    ForeignName(
        ("moe_loss", "moe_aux_loss", "aux_loss", "load_balance_loss", "router_aux_loss", "switch_loss"),
        ("4 * np.sum(np.mean(logits == np.max(logits, -1, keepdims=True), 0) * np.mean(softmax(logits, -1), 0))",),
        "jaxloss.load_balancing_loss(logits)",
        "Scores of the router. The factor is yours.",
    ),
    ForeignName(
        ("load_balancing_loss", "load_balancing_loss_func"),
        ("4 * np.sum(np.mean(logits >= np.sort(logits, -1)[:, -2:-1], 0) * np.mean(softmax(logits, -1), 0))",),
        "2 * jaxloss.load_balancing_loss(logits, top_k=2)",
        "Hugging Face's and MaxText's loss is `top_k` times ours, which is 1 at perfect balance.",
    ),
    ForeignName(
        ("cv_squared", "importance_loss"),
        ("np.var(np.sum(probs, 0)) / np.mean(np.sum(probs, 0)) ** 2",),
        "jaxloss.expert_importance_loss(probs)",
        "Of the gate values. Of expected loads: `jaxloss.expert_load_loss`.",
    ),
)
