"""The toggle without a browser: its controls agree, the picture follows, and errors are shown."""

import pytest

from helpers.errors import DataError, SettingsError
from helpers.masking import ARMS, segment_weights
from helpers.widgets import MaskingToggle


@pytest.fixture
def toggle():
    """A toggle that draws the name of the arm, and keeps a list of what it drew."""
    drawn = []
    toggle = MaskingToggle(lambda arm: drawn.append(arm) or f"<p>{arm}</p>")
    toggle.seen = drawn
    return toggle


def choose(toggle, loss_on):
    """Choose an arm as with the list and, for a weighted one, the field."""
    arm, at, weight = loss_on.partition("@")
    toggle.arms.value = arm + at
    if at:
        toggle.weight.value = weight


def test_it_begins_with_every_token():
    toggle = MaskingToggle(lambda arm: f"<p>{arm}</p>")
    assert (toggle.loss_on, toggle.box.value, toggle.picture.value) == ("all", False, "<p>all</p>")


def test_ticking_chooses_response_and_unticking_all(toggle):
    toggle.box.value = True
    assert (toggle.arms.value, toggle.loss_on) == ("response", "response")
    toggle.box.value = False
    assert (toggle.arms.value, toggle.loss_on) == ("all", "all")
    assert toggle.seen == ["all", "response", "all"]  # drawn once a click


@pytest.mark.parametrize("arm", [*ARMS, "response@0.25", "response@0", "response@1"])
def test_the_box_is_ticked_when_the_instruction_counts_for_nothing(toggle, arm):
    choose(toggle, arm)
    assert toggle.loss_on == arm
    assert toggle.box.value == (segment_weights(arm)["instruction"] == 0)
    assert toggle.picture.value == f"<p>{arm}</p>"
    assert f"loss on {arm}." in toggle.status.value


@pytest.mark.parametrize("arm", [*ARMS, "response@0.25"])
def test_it_can_begin_with_any_arm_as_the_plain_variable_does(arm):
    toggle = MaskingToggle(lambda arm: arm, loss_on=arm)
    assert (toggle.loss_on, toggle.picture.value) == (arm, arm)
    assert toggle.weight.disabled == ("@" not in arm)


def test_the_weight_can_be_changed_only_where_it_counts(toggle):
    assert toggle.weight.disabled
    choose(toggle, "response@0.5")
    assert not toggle.weight.disabled
    choose(toggle, "response")
    assert toggle.weight.disabled


@pytest.mark.parametrize("weight", ["7", "-0.1", "0,5", "much", "", "nan"])
def test_an_impossible_weight_says_what_is_possible_and_keeps_the_picture(toggle, weight):
    choose(toggle, "response@0.5")
    toggle.weight.value = weight
    assert "give a number from 0 to 1" in toggle.status.value
    assert 'role="alert"' in toggle.status.value
    assert "The picture still shows: loss on response@0.5." in toggle.status.value
    assert toggle.picture.value == "<p>response@0.5</p>"
    with pytest.raises(SettingsError):
        segment_weights(toggle.loss_on)  # so training refuses it as well
    toggle.weight.value = "0.2"
    assert toggle.picture.value == "<p>response@0.2</p>"
    assert "alert" not in toggle.status.value
    toggle.weight.value = weight
    toggle.box.value = True  # leads out of it, too
    assert (toggle.loss_on, toggle.picture.value) == ("response", "<p>response</p>")


def test_an_arm_that_cannot_be_drawn_says_why():
    def draw(arm):
        if arm == "response":
            raise DataError("no run of <response> here.")
        return arm

    toggle = MaskingToggle(draw)
    toggle.box.value = True
    assert "no run of &lt;response&gt; here. The picture still shows: loss on all." in (
        toggle.status.value
    )
    assert toggle.picture.value == "all"


def test_what_is_wrong_at_first_is_an_error_of_the_cell():
    def draw(arm):
        raise DataError("nothing to draw")

    with pytest.raises(DataError, match="nothing to draw"):
        MaskingToggle(draw)
    with pytest.raises(SettingsError, match="did you mean 'response'"):
        MaskingToggle(lambda arm: arm, loss_on="respnse")
    with pytest.raises(SettingsError, match="from 0 to 1"):
        MaskingToggle(lambda arm: arm, loss_on="response@2")


def test_it_says_that_it_works_while_it_draws():
    def draw(arm):
        if arm == "response":
            lines.append(toggle.status.value)
        return arm

    lines = []
    toggle = MaskingToggle(draw)
    toggle.box.value = True
    assert "working…" in lines[0]
    assert 'aria-live="polite"' in lines[0]
    assert "working…" not in toggle.status.value
