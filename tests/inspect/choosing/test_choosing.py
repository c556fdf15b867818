"""The selector: what it advises for tasks and traits, and what it says to a question that makes no sense."""

from __future__ import annotations

import ast
import dataclasses
import itertools
import json
import re
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from jaxloss.inspect.choosing import Choice, choose, tasks, traits
from jaxloss.inspect.choosing import advice as advice_module
from jaxloss.inspect.choosing.scoring import ranked, score
from jaxloss.inspect.choosing.tables import all_numbers, all_tasks, all_traits, common, entries_for
from jaxloss.inspect.examples import failures

PAIRS = [(task, trait) for task in tasks() for trait in all_traits()]


def losses(choice: Choice) -> list[str]:
    return [option.loss for option in choice.options]


def test_every_task_and_every_pair_of_task_and_trait_has_a_list() -> None:
    for task in tasks():
        assert 2 <= len(choose(task).options) <= 5, task
        assert not any(option.traits for option in choose(task).options)
    for task, trait in PAIRS:
        choice = choose(task, [trait])
        assert 2 <= len(choice.options) <= 5, (task, trait)
        assert len({option.code for option in choice.options}) == len(choice.options), (task, trait)
        brought = [option for option in choice.options if option.traits]
        assert all(option.traits == (trait,) for option in brought)
        assert brought or choice.notes, f"{task} with {trait}: nothing says what it changes"


def test_lists_are_as_long_as_useful() -> None:
    assert losses(choose("survival")) == ["cox_efron_nll", "cox_breslow_nll", "sigmoid_binary_cross_entropy"]
    assert max(len(choose(task, [trait]).options) for task, trait in PAIRS) == 5


def test_common_advice_is_for_the_tasks_that_it_fits() -> None:
    assert "linear_softmax_cross_entropy" in losses(choose("classification", ["huge vocabulary"]))
    audio = choose("audio", ["huge vocabulary"])
    assert losses(audio) == losses(choose("audio"))
    assert "calibration, classification, distillation, language modelling" in audio.notes[0]


def test_a_trait_brings_its_entry_or_says_that_it_changes_nothing() -> None:
    for task, trait in PAIRS:
        helped = any(entry.traits.get(trait, 0) > 0 for entry in entries_for(all_tasks()[task]))
        choice = choose(task, [trait])
        assert helped == any(option.traits for option in choice.options), (task, trait)
        if trait not in traits(task):
            assert choice.notes[0].startswith(f"'{trait}' changes nothing for {task};"), (task, trait)
            assert losses(choice) == losses(choose(task))
    assert "'gross outliers' counts against squared_error." in choose("regression", ["gross outliers"]).notes


def test_no_trait_of_several_is_forgotten() -> None:
    for task, two in itertools.product(all_tasks().values(), itertools.combinations(list(all_traits())[::3], 2)):
        entries = entries_for(task)
        kept = ranked(entries, two)
        fitting = [entry for entry in entries if score(entry, two) > 0]
        for trait in two:
            asked = any(entry.traits.get(trait, 0) > 0 for entry in fitting)
            assert asked == any(entry.traits.get(trait, 0) > 0 for entry in kept), (task.name, two)
    many = ["outliers", "intervals", "counts", "relative errors", "several answers", "out of distribution"]
    assert len(choose("regression", many).options) == 6


def test_the_order_is_that_of_the_scores_and_always_the_same() -> None:
    for task, trait in PAIRS:
        entries = entries_for(all_tasks()[task])
        found = ranked(entries, [trait])
        scores = [score(entry, [trait]) for entry in found]
        assert scores == sorted(scores, reverse=True)
        assert min(scores) > 0
        assert found == ranked(entries, [trait])


@pytest.mark.parametrize(
    ("task", "wanted", "first"),
    [
        ("classification", [], "softmax_cross_entropy_with_integer_labels"),
        ("binary classification", [], "sigmoid_binary_cross_entropy"),
        ("regression", [], "squared_error"),
        ("regression", ["outliers"], "huber_loss"),
        ("regression", ["gross outliers"], "huber_loss"),
        ("quantile regression", [], "multi_quantile_loss"),
        ("count regression", [], "poisson_nll"),
        ("segmentation", [], "softmax_dice_cross_entropy"),
        ("segmentation", ["imbalanced"], "softmax_dice_cross_entropy"),
        ("object detection", [], "sigmoid_focal_loss"),
        ("self-supervised", [], "infonce_loss"),
        ("metric learning", [], "supcon_loss"),
        ("face recognition", [], "arcface_loss"),
        ("self-supervised", ["no negatives"], "byol_loss"),
        ("clip", ["many devices", "huge batch"], "siglip_loss"),
        ("learning to rank", [], "ranking_softmax_loss"),
        ("search", ["ndcg"], "lambdarank_loss"),
        ("llm", ["huge vocabulary"], "linear_softmax_cross_entropy"),
        ("dpo", [], "dpo_loss"),
        ("rlhf", ["thumbs up"], "kto_loss"),
        ("rlvr", [], "grpo_loss"),
        ("rlhf", ["noisy labels"], "robust_dpo_loss"),
        ("rl", [], "ppo_clip_loss"),
        ("rl", ["continuous control", "replay buffer"], "sac_critic_loss"),
        ("survival analysis", [], "cox_efron_nll"),
        ("survival", ["small batch"], "sigmoid_binary_cross_entropy"),
        ("pinn", [], "dirichlet_boundary_loss"),
        ("physics", ["stiff pde"], "combine.self_adaptive"),
        ("multitask", ["gradient conflict"], "combine.pcgrad"),
        ("multitask", ["different units"], "combine.uncertainty"),
        ("gan", [], "gan_nonsaturating_generator_loss"),
        ("vae", ["posterior collapse"], "free_bits_loss"),
        ("diffusion", [], "epsilon_prediction_loss"),
        ("super-resolution", [], "charbonnier_loss"),
        ("asr", [], "ctc_loss"),
        ("asr", ["low latency"], "rnnt_loss"),
        ("ordinal regression", [], "corn_ordinal_loss"),
        ("image classification", ["long-tailed"], "logit_adjusted_cross_entropy"),
        ("image classification", ["noisy labels"], "generalized_cross_entropy"),
        ("pu learning", [], "nonnegative_pu_loss"),
        ("moe", ["dead experts"], "load_balancing_loss"),
        ("llm distillation", [], "generalized_jensen_shannon_divergence"),
        ("speech separation", [], "si_sdr_loss"),
        ("calibration", [], "temperature_scaling_nll"),
    ],
)
def test_experts_would_agree(task: str, wanted: list[str], first: str) -> None:
    assert losses(choose(task, wanted))[0] == first


def test_what_experts_warn_of_goes_down() -> None:
    robust = losses(choose("regression", ["gross outliers"]))
    assert robust.index("huber_loss") < robust.index("tukey_biweight_loss")
    assert "squared_error" not in robust
    assert "infonce_loss" not in losses(choose("representation", ["no negatives"]))
    assert "sac_critic_loss" not in losses(choose("rl", ["discrete actions"]))
    assert "dpo_loss" not in losses(choose("rlhf", ["unpaired"]))
    detection = losses(choose("detection"))
    assert detection[:3] == ["sigmoid_focal_loss", "giou_loss", "ciou_loss"]


def test_the_text_fits_sixty_columns_and_its_code_is_the_code() -> None:
    asked = [choose(task, [trait]) for task, trait in PAIRS[::5]] + [choose("segmentation", imbalance=0.01)]
    for choice in asked:
        lines = choice.text().splitlines()
        assert all(len(line) <= 60 or line.startswith("   https://") for line in lines), choice
        assert str(choice) == choice.text()
        assert _programs(choice.text()) == {ast.dump(ast.parse(option.code)) for option in choice.options}


def _programs(text: str) -> set[str]:
    """What the code lines of a text are, as syntax trees."""
    found: list[str] = []
    for line in text.partition("\nNotes")[0].partition("\nThe code lines need")[0].splitlines():
        if line.startswith(" " * 8):
            found[-1] += line[8:]
        elif line.startswith(" " * 4):
            found.append(line[4:])
    return {ast.dump(ast.parse(code)) for code in found}


def test_the_text_says_what_an_entry_stands_on() -> None:
    text = " ".join(choose("regression", ["outliers"]).text().split())
    assert "Property card: bounded_gradient holds" in text
    assert "Measured: with 15 % of the targets far off" in text
    assert "See: Huber (1964) https://doi.org/10.1214/aoms/1177703732" in text
    assert "Literature alone" not in text.partition("2. jaxloss")[0]
    alone = " ".join(choose("representation").text().split())
    assert "Literature alone: van den Oord, Li and Vinyals (2018)" in alone
    assert "Measured" not in alone


def test_the_text_repeats_the_question() -> None:
    asked = choose("yes or no", ["noisy labels"], imbalance=0.01).text().splitlines()
    assert asked[:3] == [
        "Which loss for binary classification?",
        "Traits: label noise, imbalance",
        "Numbers: imbalance = 0.01",
    ]


def test_a_terminal_that_is_too_narrow_is_refused() -> None:
    choice = choose("classification")
    assert max(map(len, choice.text(width=100).splitlines())) > 60
    with pytest.raises(ValueError, match="width must be at least 60; found 59"):
        choice.text(width=59)


def test_the_inputs_are_those_of_the_code_lines() -> None:
    assert list(choose("regression").inputs) == ["predictions", "targets"]
    for task, trait in PAIRS[::7]:
        choice = choose(task, [trait])
        words = set(itertools.chain(*(re.findall(r"\w+", option.code) for option in choice.options)))
        described = {**common().inputs, **all_tasks()[task].inputs}
        assert set(choice.inputs) <= words
        assert {name for name in words & set(described) if f"{name}=" not in str(choice.options)} <= set(choice.inputs)


def test_json_has_everything() -> None:
    choice = choose("segmentation", ["thin structures"], imbalance=0.01)
    read = json.loads(choice.json())
    assert list(read) == [field.name for field in dataclasses.fields(Choice)]
    assert read["numbers"] == {"imbalance": 0.01}
    assert read["traits"] == ["thin structures", "imbalance"]
    first = read["options"][0]
    assert first["loss"] == choice.options[0].loss
    assert first["literature"][0]["year"] > 1900
    cards = [option["card"] for option in json.loads(choose("regression").json())["options"]]
    assert {"row": "bounded_gradient", "holds": True} in cards
    assert json.loads(choice.json(indent=None)) == read


def test_numbers_imply_traits_and_go_into_the_code() -> None:
    weighted = choose("binary classification", imbalance=0.01)
    assert weighted.traits == ("imbalance",)
    assert any("pos_weight=(1 - 0.01) / 0.01" in option.code for option in weighted.options)
    assert choose("binary classification", ["imbalance=0.01"]) == weighted
    assumed = choose("binary classification", ["imbalance"])
    assert any("pos_weight=(1 - 0.05) / 0.05" in option.code for option in assumed.options)
    assert any(note.startswith("imbalance was not given; the code shows 0.05") for note in assumed.notes)
    assert choose("regression", outliers=0.05).traits == ("outliers",)
    assert choose("regression", outliers=0.2).traits == ("gross outliers",)
    balanced = choose("binary classification", imbalance=0.4)
    assert balanced.traits == ()
    assert balanced.notes[0].startswith("imbalance = 0.4 adds no trait")
    assert choose("binary classification", imbalance=0.2).traits == ("imbalance",)
    assert choose("binary classification", imbalance=0.21).traits == ()
    assert choose("representation", batch=8).traits == ("tiny batch",)
    assert choose("representation", batch=32768).traits == ("huge batch",)
    assert choose("regression", ["intervals"], coverage=0.9).traits == ("intervals",)
    assert choose("regression", outliers=np.float32(0.25)).numbers == {"outliers": 0.25}
    for number in all_numbers().values():
        assert choose("regression", **{number.name: number.low}).numbers == {number.name: number.low}
        assert choose("regression", **{number.name: number.high}).numbers == {number.name: number.high}


@pytest.mark.parametrize("word", ["Object-Detection", "object_detection", " OBJECT  detection "])
def test_spelling_of_words_does_not_matter(word: str) -> None:
    assert choose(word) == choose("detection")


def test_no_word_means_two_things() -> None:
    names = [[task.name, *task.aliases] for task in all_tasks().values()]
    words = list(itertools.chain(*names))
    assert len({word.replace("-", " ") for word in words}) == len(words) - _doubled(words)
    alike = [[trait.name, *trait.aliases] for trait in all_traits().values()]
    owner: dict[str, str] = {}
    for first, *others in [*names, ["the next are traits"], *alike]:
        owner = {} if first == "the next are traits" else owner
        for word in (first, *others):
            assert owner.setdefault(word.replace("-", " "), first) == first, word


def _doubled(words: list[str]) -> int:
    """Words that differ in their hyphens only."""
    return len(words) - len({word.replace("-", " ") for word in words})


@pytest.mark.parametrize(
    ("task", "wanted", "numbers", "error", "words"),
    [
        (
            "regresion",
            [],
            {},
            ValueError,
            "task must be one that the table knows; found 'regresion', near: 'regression'",
        ),
        ("knitting", [], {}, ValueError, "known: 'audio', 'binary classification'"),
        (3, [], {}, TypeError, "a task must be a string; found 3, a int"),
        ("regression", ["inbalance"], {}, ValueError, "found 'inbalance', near: 'imbalance'"),
        ("regression", ["noise in labels"], {}, ValueError, "'label noise'"),
        ("regression", ["my censored customers"], {}, ValueError, "near: 'censoring'"),
        ("regression", [7], {}, TypeError, "a trait must be a string"),
        ("regression", "outliers", {}, TypeError, "write ['outliers']"),
        ("regression", ["tiny batch", "huge batch"], {}, ValueError, "found 'tiny batch' and 'huge batch': drop one"),
        ("regression", ["huge batch"], {"batch": 4}, ValueError, "found 'huge batch' and 'tiny batch'"),
        ("representation", ["no negatives", "hard negatives"], {}, ValueError, "contradict"),
        (
            "regression",
            [],
            {"imbalanc": 0.1},
            ValueError,
            "choose has no number 'imbalanc'; the numbers are imbalance,",
        ),
        ("regression", ["imbalanc=0.1"], {}, ValueError, "number must be one that the table knows"),
        (
            "regression",
            ["imbalance=rare"],
            {},
            ValueError,
            "imbalance must be a number, such as imbalance=0.05; found 'rare'",
        ),
        ("regression", [], {"imbalance": 1.5}, ValueError, "must be in [1e-06, 0.5]; found 1.5"),
        ("regression", [], {"imbalance": float("nan")}, ValueError, "found nan"),
        ("regression", [], {"imbalance": "0.1"}, TypeError, "imbalance must be a number; found '0.1', a str"),
        ("regression", [], {"batch": True}, TypeError, "batch must be a number; found True, a bool"),
        ("regression", ["batch=4"], {"batch": 4}, ValueError, "batch is among the traits and a keyword"),
    ],
)
def test_a_question_that_makes_no_sense_gets_a_clear_error(task, wanted, numbers, error, words) -> None:
    with pytest.raises(error) as caught:
        choose(task, wanted, **numbers)
    assert words in str(caught.value)


def test_the_traits_of_a_task_are_those_that_change_its_list() -> None:
    assert traits() == {name: trait.about for name, trait in all_traits().items()}
    assert "thin structures" in traits("segmentation")
    assert "thin structures" not in traits("survival")
    assert "many devices" in traits("survival")
    with pytest.raises(ValueError, match="near: 'survival'"):
        traits("survivall")


def test_importing_reads_nothing_and_another_process_gives_the_same_list() -> None:
    program = """
        import sys
        import jaxloss.inspect.choosing
        from jaxloss.inspect.choosing import choose, tables
        assert tables.all_tasks.cache_info().currsize == 0
        assert not {"matplotlib", "rich", "scipy", "optax", "flax"} & set(sys.modules)
        print(choose("regression", ["outliers", "counts"]).json())
    """
    run = [sys.executable, "-c", textwrap.dedent(program)]
    printed = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    assert json.loads(printed) == json.loads(choose("regression", ["outliers", "counts"]).json())


def test_the_examples_of_the_docstring() -> None:
    tried, reports = failures(advice_module.choose, "choose", {"choose": choose})
    assert tried == 3
    assert not reports
