"""A quantity of one's own: the vectors between joints that follow each other."""

from mmpose_sdpose.models.distillers import register_quantity


@register_quantity('bones', shape='B J 2', select=None)
def bones(side, step=1):
    """(B, K - step, 2), of any model that gives coordinates; ``step`` may be set in a loss's config."""
    points = side['coordinates']
    return points[:, step:] - points[:, :-step]
