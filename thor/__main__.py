"""`python -m thor` is `thor`.

Runs the command line.
"""

from thor.cli import main

if __name__ == "__main__":
    main()
