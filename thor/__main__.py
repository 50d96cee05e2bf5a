"""`python -m thor` is `thor`.

Door. Runs the command line.
"""

from thor.cli import main

if __name__ == "__main__":
    main()
