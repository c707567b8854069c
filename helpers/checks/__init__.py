"""What the exercises call: `check("02.1")` under an answer, `progress()` at the end."""
