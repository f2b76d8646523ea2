"""A head of one's own, and how a distillation reads it."""

from mmpose_sdpose.models.distillers import register_adapter

from mmengine.structures import InstanceData
from mmpose.models.heads import RegressionHead
from mmpose.registry import MODELS


@MODELS.register_module()
class BoxHead(RegressionHead):
    """Predicts a joint as its distances to the picture's left and top edge, in tenths of its size."""

    def forward(self, feats):
        return 10 * super().forward(feats).sigmoid()

    def loss(self, feats, batch_data_samples, train_cfg=None):
        tenths = self.forward(feats)  # once: what it gives is what the adapter below reads
        labels = InstanceData.cat([s.gt_instance_labels for s in batch_data_samples])
        weights = labels.keypoint_weights[..., None]
        return dict(loss_kpt=self.loss_module(tenths / 10, labels.keypoint_labels, weights))

    def predict(self, feats, batch_data_samples, test_cfg=None):
        return self.decode(self.forward(feats)[:, None] / 10)


@register_adapter(BoxHead)
def read_box_head(head, output):
    return dict(coordinates=output / 10)  # (B, K, 2), as fractions of the picture
