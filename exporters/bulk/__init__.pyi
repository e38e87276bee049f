from .rows import Bulk as Bulk
from .rows import Row as Row
