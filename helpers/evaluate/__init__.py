"""What scores mean: intervals, paired comparisons and, later, agreement, benchmarks and arenas."""
