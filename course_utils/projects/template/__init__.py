"""The files that ``course new-project`` copies. They are the reader's afterwards."""
