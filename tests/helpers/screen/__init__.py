"""The screen in tests: the application and what it draws, without a terminal, in a real one, and as colours."""
