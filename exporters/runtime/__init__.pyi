from .exported import Exported as Exported
from .exported import load as load
