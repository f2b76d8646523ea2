# A small LADPose on photographs, without a teacher: 3 layers where its teacher has 4.
_base_ = ['../../../_base_/token_regression_photos.py']

model = dict(
    backbone=dict(_delete_=True, type='ThinCAUNet'),
    head=dict(encoder=dict(depth=3)),
)
