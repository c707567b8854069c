"""What scores mean: intervals, paired comparisons, agreement of judges, benchmarks and the arena."""
