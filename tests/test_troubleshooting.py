"""The troubleshooting page quotes messages: they must be the ones that the code raises."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "troubleshooting.md"


def template(node):
    """The text of a string in the code, with … for each value put into it; None for another node."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(v.value if isinstance(v, ast.Constant) else "…" for v in node.values)
    return None


@pytest.fixture(scope="module")
def texts():
    """Every string of the package."""
    found = set()
    for path in (ROOT / "helpers").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found.update(filter(None, map(template, ast.walk(tree))))
    return found


def quoted():
    """The first cell of each row of the page's tables."""
    rows = re.findall(r"^\| `(.+?)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [row.strip() for row in rows]


def test_a_value_in_a_message_becomes_an_ellipsis():
    node = ast.parse('f"no model {name}: give " + "one"').body[0].value
    assert template(node.left) == "no model …: give "
    assert template(node) is None


def test_the_page_has_the_messages_that_people_meet_most():
    assert len(quoted()) >= 25
    assert len(quoted()) == len(set(quoted()))


@pytest.mark.parametrize("message", quoted())
def test_each_message_is_one_that_the_code_raises(message, texts):
    assert any(message in text for text in texts), "the code says something else by now"
    assert len(re.sub(r"\W", "", message)) > 6, "too little of the message to recognise it by"
