"""``python -m tests.aws_double --port 5555`` serves AWS for tests until it is interrupted."""

from .server import main

main()
