"""The command line: parse, one library call, print. What is heavy is imported inside the command that uses it."""

from plaintiff_moat.cli.main import main

__all__ = ["main"]
