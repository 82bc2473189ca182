"""Make the helpers beside these tests (``paper``, ``scenes``) importable."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
