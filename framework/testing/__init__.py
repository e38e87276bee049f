"""The contract suite: what a component must keep. See `checks`."""

from .checks import check_dataset, check_encoder, check_inverter, check_loss, check_translator

__all__ = ["check_dataset", "check_encoder", "check_inverter", "check_loss", "check_translator"]
