# DistilPose-S without a teacher: StemNet and 12 layers.
_base_ = ['../../../_base_/token_regression_coco.py']

train_dataloader = dict(batch_size=32)
auto_scale_lr = dict(base_batch_size=256)
