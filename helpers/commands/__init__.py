"""The commands of `course`, a file each; `helpers.cli` puts them together."""
