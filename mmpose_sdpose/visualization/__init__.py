from .attention import AttentionChoice, check_choice
from .attention_picture import draw_attention
from .learning_curve import draw_learning_curve, read_scalars
from .pose_grid import draw_pose_grid

__all__ = [
    'AttentionChoice',
    'check_choice',
    'draw_attention',
    'draw_learning_curve',
    'draw_pose_grid',
    'read_scalars',
]
