"""web-platform-tests in an isolate, measured against node: of what node passes, what do we?

The suite itself is not part of this repository: `AIWE_WPT` names a folder with it.
"""
