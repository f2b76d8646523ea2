"""A loss of one's own: the angle between bones of student and teacher."""

import torch.nn.functional as F
from mmpose.registry import MODELS
from torch import nn


@MODELS.register_module()
class BoneDirectionLoss(nn.Module):
    compares = 'bones'  # or on='…' in a config

    def __init__(self, loss_weight=1.0):
        super().__init__()
        self.loss_weight = loss_weight

    # with (student, teacher, weights) it would get joints' weights too
    def forward(self, student, teacher):
        cosine = F.cosine_similarity(student, teacher, dim=-1)
        return self.loss_weight * (1 - cosine).mean()
