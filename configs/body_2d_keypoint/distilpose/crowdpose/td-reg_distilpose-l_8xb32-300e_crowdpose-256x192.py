# DistilPose-L without a teacher: three-stage HRNet-W48 and 12 layers.
_base_ = ['../../../_base_/token_regression_crowdpose.py', '../../../_base_/hrnet_w48.py']

train_dataloader = dict(batch_size=32)
auto_scale_lr = dict(base_batch_size=256)
model = dict(
    backbone=dict(_delete_=True, **_base_.hrnet_w48_three_stage),
    head=dict(in_channels=48),
)
