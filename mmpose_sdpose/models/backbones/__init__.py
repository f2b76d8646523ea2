from .hrnet_three_stage import HRNetThreeStage
from .identity import IdentityBackbone
from .stemnet import StemNet

__all__ = ['HRNetThreeStage', 'IdentityBackbone', 'StemNet']
