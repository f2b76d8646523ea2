from .mct_head import MCTHead
from .token_head import TokenHead
from .token_regression_head import TokenRegressionHead

__all__ = ['MCTHead', 'TokenHead', 'TokenRegressionHead']
