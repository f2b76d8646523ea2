from .any_head import innermost, num_keypoints_of
from .mct_head import MCTHead
from .token_head import TokenHead
from .token_regression_head import TokenRegressionHead
from .token_simcc_head import TokenSimCCHead

__all__ = [
    'MCTHead',
    'TokenHead',
    'TokenRegressionHead',
    'TokenSimCCHead',
    'innermost',
    'num_keypoints_of',
]
