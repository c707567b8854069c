"""Two small exercises for the tests of marking, with the number of a lesson that has none: 77."""

import random

from helpers.checks.exercise import Exercise, Mistake, Part


def numbers(seed):
    return (random.Random(seed).sample(range(3, 99), 5),)


def double_all(values):
    return [2 * value for value in values]


def add_doubles(values):
    return sum(double_all(values))


DOUBLE = Exercise(
    id="77.1",
    title="Twice as much",
    teaches="to go through a list",
    difficulty="easy",
    minutes=1,
    answer="double",
    parts=(
        Part(
            name="every number is doubled",
            arguments=numbers,
            expected=double_all,
            says="Multiply each number by 2.",
            mistakes=(
                Mistake("squares", lambda v: [x * x for x in v], "Those are squares: take 2 * x."),
            ),
        ),
        Part("nothing stays nothing", lambda seed: ([],), double_all, "An empty list is fine."),
    ),
    fallback=lambda: double_all,
    fallback_name="toy_exercises.double_all",
)
TOTAL = Exercise(
    id="77.2",
    title="All together",
    teaches="to use what is there",
    difficulty="easy",
    minutes=1,
    answer="total",
    parts=(Part("the sum of the doubles", numbers, add_doubles, "Add what `double` returns."),),
)
EXERCISES = (DOUBLE, TOTAL)
