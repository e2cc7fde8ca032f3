"""`python -m aiwe_engine` is `aiwe`."""

import sys

from aiwe_engine.cli.main import main

sys.exit(main())
