"""Names in common use for losses of agents, rankings and sequences, with NumPy formulas."""

from jaxloss._names.table import ForeignName

__all__ = ["COMMON_DECISIONS"]

_STEP = "rewards[:, 0], discounts[:, 0]"

COMMON_DECISIONS = (
    ForeignName(
        ("td_learning", "temporal_difference_error", "td_target_error"),
        ("rewards + discounts * values[:, 1:] - values[:, :-1]",),
        "jaxloss.td_error(values[:, :-1], rewards, discounts, values[:, 1:])",
        "rlax's name. Half its square: `jaxloss.td_loss`.",
    ),
    ForeignName(
        ("q_learning", "bellman_error"),
        ("rewards[:, 0] + discounts[:, 0] * next_q_values.max(-1) - q_values[np.arange(8), actions]",),
        f"jaxloss.q_learning_error(q_values, actions, {_STEP}, next_q_values)",
        "rlax's name. Half its square: `jaxloss.q_learning_loss`. `discounts` are 0 where an episode ends.",
    ),
    ForeignName(
        ("dqn", "dqn_loss", "deep_q_loss", "bellman_loss"),
        (
            "np.mean((rewards[:, 0] + discounts[:, 0] * next_q_values.max(-1) "
            "- q_values[np.arange(8), actions]) ** 2) / 2",
        ),
        f"jaxloss.q_learning_loss(q_values, actions, {_STEP}, next_q_values)",
        "With a half. The Huber loss of it is `jaxloss.huber_loss` of `jaxloss.q_learning_error`.",
    ),
    ForeignName(
        ("double_q_learning",),
        (
            "rewards[:, 0] + discounts[:, 0] * next_q_values[np.arange(8), logits.argmax(-1)] "
            "- q_values[np.arange(8), actions]",
        ),
        f"jaxloss.double_q_learning_error(q_values, actions, {_STEP}, next_q_values, logits)",
        "rlax's name. Values of the target network, then those that choose the action.",
    ),
    ForeignName(
        ("ddqn", "ddqn_loss", "double_dqn", "double_dqn_loss"),
        (
            "np.mean((rewards[:, 0] + discounts[:, 0] * next_q_values[np.arange(8), logits.argmax(-1)] "
            "- q_values[np.arange(8), actions]) ** 2) / 2",
        ),
        f"jaxloss.double_q_learning_loss(q_values, actions, {_STEP}, next_q_values, logits)",
        "With a half. Values of the target network, then those that choose the action.",
    ),
    ForeignName(
        ("c51", "c51_loss", "categorical_dqn_loss", "distributional_dqn_loss"),
        (
            "-np.mean([max(softmax(n, -1), key=lambda p: p @ z) @ np.interp(r + g * z, z, log_softmax(q[a])) "
            f"for q, a, r, g, n in zip(atom_logits, actions, {_STEP}, next_atom_logits) "
            "for z in [np.linspace(-2, 2, 6)]])",
        ),
        f"jaxloss.categorical_q_learning_loss(atom_logits, actions, {_STEP}, next_atom_logits, jnp.linspace(-2, 2, 6))",
        "Logits of the atoms of every action. With double Q-learning: `jaxloss.categorical_double_q_learning_loss`.",
    ),
    ForeignName(
        ("qr_dqn", "qr_dqn_loss", "quantile_huber_loss", "quantile_regression_loss", "iqn", "iqn_loss"),
        (
            "np.mean([np.sum(np.mean(np.abs(level - (u < 0)) * np.where(abs(u) < 1, u**2 / 2, abs(u) - 0.5), -1)) "
            f"for q, a, r, g, n in zip(quantiles, actions, {_STEP}, next_quantiles) "
            "for level in [np.array([[1], [3], [5]]) / 6] "
            "for u in [r + g * n[:, n.mean(0).argmax()] - q[:, a, None]]])",
        ),
        f"jaxloss.quantile_q_learning_loss(quantiles, jnp.array([1, 3, 5]) / 6, actions, {_STEP}, next_quantiles, "
        "next_quantiles)",
        "Quantiles of the return of every action, `[N, 3, C]`. Without Q-learning: `jaxloss.quantile_loss`.",
    ),
    ForeignName(
        ("gae", "compute_gae", "truncated_generalized_advantage_estimation"),
        (
            "np.array([[sum(np.prod(0.95 * g[t:k]) * (r[k] + g[k] * v[k + 1] - v[k]) for k in range(t, 5)) "
            "for t in range(5)] for r, g, v in zip(rewards, discounts, values)])",
        ),
        "jaxloss.generalized_advantage_estimation(rewards, discounts, values)",
        "Time is the last axis, and values are one more than rewards. `lambda_` is 0.95.",
    ),
    ForeignName(
        ("discounted_returns", "rewards_to_go", "monte_carlo_returns", "discount_cumsum"),
        (
            "np.array([[sum(np.prod(g[t:k]) * r[k] for k in range(t, 5)) for t in range(5)] "
            "for r, g in zip(rewards, discounts)])",
        ),
        "jaxloss.lambda_returns(rewards, discounts, jnp.zeros_like(rewards))",
        "Time is the last axis. The third argument are values: the last one goes on where the rewards end.",
    ),
    ForeignName(
        ("vpg_loss", "actor_loss", "a2c_loss", "policy_loss"),
        ("-np.mean(rewards[:, 0] * log_softmax(logits, -1)[np.arange(8), actions])",),
        "jaxloss.policy_gradient_loss(logits, actions, rewards[:, 0])",
        "Logits, actions and advantages or returns, which pass no gradient. From log-probabilities: "
        "`jaxloss.reinforce_loss`.",
    ),
    ForeignName(
        ("entropy_bonus", "entropy_regularization", "entropy_regularizer"),
        ("np.mean(np.sum(softmax(logits, -1) * log_softmax(logits, -1), -1))",),
        "jaxloss.entropy_loss(logits)",
        "Minus the entropy, to be added to the loss.",
    ),
    ForeignName(
        ("awr_loss", "awac_loss", "advantage_weighted_regression", "iql_policy_loss"),
        ("-np.mean(np.minimum(np.exp(rewards), 100) * token_logps)",),
        "jaxloss.advantage_weighted_loss(token_logps, rewards)",
        "Log-probabilities of the actions, and their advantages.",
    ),
    ForeignName(
        ("alpha_loss", "temperature_loss", "sac_alpha_loss"),
        ("-np.exp(0.3) * np.mean(token_logps - 5)",),
        "jaxloss.sac_temperature_loss(jnp.asarray(0.3), token_logps, target_entropy=-5.0)",
        "Takes the logarithm of the temperature and multiplies by the temperature.",
    ),
    ForeignName(
        ("two_hot", "two_hot_loss", "twohot_loss", "muzero_value_loss"),
        ("-np.mean([np.interp(y, np.linspace(-2, 2, 4), log_softmax(z)) for y, z in zip(targets[:, 0], logits)])",),
        "jaxloss.two_hot_cross_entropy(logits, targets[:, 0], jnp.linspace(-2, 2, 4))",
        "Spread over more atoms: `jaxloss.hl_gauss_loss`.",
    ),
    ForeignName(
        ("bc_loss", "behavior_cloning", "behavioral_cloning_loss"),
        ("-np.mean(log_softmax(logits, -1)[np.arange(8), actions])",),
        "jaxloss.softmax_cross_entropy_with_integer_labels(logits, actions)",
        "For continuous actions `jaxloss.squared_error`.",
    ),
    ForeignName(
        ("listnet", "listnet_loss", "list_net"),
        ("-np.mean(np.sum(softmax(relevance, -1) * log_softmax(scores, -1), -1))",),
        "jaxloss.ranking_softmax_loss(scores, jax.nn.softmax(relevance.astype(float)))",
        "With the paper's distribution of relevance as targets; relevance itself may stand there too.",
    ),
    ForeignName(
        ("plackett_luce", "plackett_luce_loss", "list_mle"),
        (
            "np.mean([sum(logsumexp(s[k:]) - s[k] for k in range(5)) "
            "for s in np.take_along_axis(scores, np.argsort(-amounts), -1)])",
        ),
        "jaxloss.listmle_loss(scores, amounts)",
        "Takes relevance, not an order.",
    ),
    ForeignName(
        ("ranknet", "ranknet_loss", "rank_net", "pairwise_ranking_loss"),
        (
            "np.mean([np.mean([np.logaddexp(0, b - a) for a, i in zip(s, y) for b, j in zip(s, y) if i > j]) "
            "for s, y in zip(scores, relevance)])",
        ),
        "jaxloss.pairwise_logistic_loss(scores, relevance)",
        "The mean over the pairs of a list that differ in relevance, then over lists.",
    ),
    ForeignName(
        ("ranksvm", "ranking_svm", "pairwise_hinge_ranking_loss"),
        (
            "np.mean([np.mean([max(0, 1 + b - a) for a, i in zip(s, y) for b, j in zip(s, y) if i > j]) "
            "for s, y in zip(scores, relevance)])",
        ),
        "jaxloss.pairwise_hinge_loss(scores, relevance)",
        "The mean over the pairs of a list that differ in relevance, then over lists.",
    ),
    ForeignName(
        ("lambdamart", "lambda_loss", "ndcg_lambda_loss"),
        (
            "np.mean([sum((2.0**i - 2.0**j) * abs(1 / np.log2(1 + m) - 1 / np.log2(1 + n)) * np.logaddexp(0, b - a) "
            "for a, i, m in zip(s, y, rank) for b, j, n in zip(s, y, rank) if i > j) "
            "/ np.sum((2.0 ** -np.sort(-y) - 1) / np.log2([2, 3, 4, 5, 6])) "
            "for s, y in zip(scores, relevance) for rank in [stats.rankdata(-s)]])",
        ),
        "jaxloss.lambdarank_loss(scores, relevance)",
        "A sum over the pairs of a list; smooth ranks instead: `jaxloss.approx_ndcg_loss`.",
    ),
    ForeignName(
        ("mwer_loss", "mrt_loss", "mbr_loss", "minimum_bayes_risk_loss"),
        ("np.mean(np.sum(softmax(scores, -1) * amounts, -1))",),
        "jaxloss.minimum_risk_loss(scores, amounts)",
        "Log-probabilities of candidates and their risks, such as word errors.",
    ),
    ForeignName(
        ("crf", "crf_loss", "crf_nll", "crf_log_likelihood"),
        (
            "np.mean([logsumexp([score(path) for path in product(range(4), repeat=3)]) - score(tags) "
            "for z, tags in zip(token_logits[:, :3], tokens[:, :3]) "
            "for score in [lambda y: z[range(3), y].sum() + transitions[y[:-1], y[1:]].sum()]])",
        ),
        "jaxloss.linear_chain_crf_nll(token_logits[:, :3], tokens[:, :3], jnp.full(8, 3), transitions)",
        "Scores, tags, lengths, and the scores of transitions, from row to column. Minus the log-likelihood.",
    ),
    ForeignName(
        ("rnnt", "transducer_loss", "rnn_transducer_loss"),
        (
            "-np.mean([logsumexp([sum(p[t, i, y[i]] for i, t in enumerate(times)) "
            "+ sum(p[t, sum(s <= t for s in times), 0] for t in range(3)) "
            "for times in combinations_with_replacement(range(3), n)]) "
            "for p, y, n in zip(log_softmax(joint_logits, -1), transcripts, transcript_lengths)])",
        ),
        "jaxloss.rnnt_loss(joint_logits, transcripts, jnp.full(8, 3), transcript_lengths)",
        "Logits; the blank is 0 unless `blank_id` is given, torchaudio's is the last class.",
    ),
)
