# The teacher of DistilPose: a whole HRNet-W48 of four stages and 12 layers.
_base_ = ['../../../_base_/token_heatmap_crowdpose.py', '../../../_base_/hrnet_w48.py']

model = dict(
    backbone=dict(_delete_=True, **_base_.hrnet_w48),
    head=dict(in_channels=48),
)
train_pipeline = [*_base_.train_pipeline[:4], _base_.hrnet_augmentation, *_base_.train_pipeline[5:]]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
