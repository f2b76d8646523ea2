# LADPose-N without a teacher: Channel-Attention-Units to stride 16, 3 layers over 12x16 cells.
_base_ = ['../../../_base_/token_regression_coco.py', '../../../_base_/small_model.py']

model = dict(
    backbone=dict(_delete_=True, type='ThinCAUNet'),
    head=dict(**_base_.small_student_head, in_featuremap_size=(12, 16)),
)
