from .caunet import CAUNet
from .hrnet_three_stage import HRNetThreeStage
from .identity import IdentityBackbone
from .stemnet import StemNet
from .thin_caunet import ThinCAUNet
from .thin_resnet import ThinResNet

__all__ = ['CAUNet', 'HRNetThreeStage', 'IdentityBackbone', 'StemNet', 'ThinCAUNet', 'ThinResNet']
