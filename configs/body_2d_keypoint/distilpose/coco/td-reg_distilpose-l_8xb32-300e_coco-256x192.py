# DistilPose-L without a teacher: three-stage HRNet-W48 and 12 layers.
_base_ = ['../../../_base_/token_regression_coco.py']

train_dataloader = dict(batch_size=32)
auto_scale_lr = dict(base_batch_size=256)
model = dict(
    backbone=dict(
        _delete_=True,
        type='HRNetThreeStage',
        channels=48,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://download.openmmlab.com/mmpose/pretrain_models/hrnet_w48-8ef0771d.pth',
        ),
    ),
    head=dict(in_channels=48),
)
