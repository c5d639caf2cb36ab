"""Whether an answer is right: tests for code, agreement for maths and choices. Nothing here runs generated code."""
