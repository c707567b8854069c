"""For who teaches the course: exercise notebooks to hand out, and marking what comes back."""
