# DistilPose-S without a teacher: StemNet and 12 layers.
_base_ = ['../../../_base_/token_regression_coco.py']

train_dataloader = dict(batch_size=32)
