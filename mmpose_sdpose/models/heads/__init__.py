from .mct_head import MCTHead
from .num_keypoints import num_keypoints_of
from .token_head import TokenHead
from .token_regression_head import TokenRegressionHead
from .token_simcc_head import TokenSimCCHead

__all__ = ['MCTHead', 'TokenHead', 'TokenRegressionHead', 'TokenSimCCHead', 'num_keypoints_of']
