# Token SimCC models on COCO.
_base_ = ['./token_heatmap_coco.py', './token_simcc.py']

label = _base_.simcc_256x192
codec = dict(_delete_=True, **label)
# The token distances keep the proportion to the loss of a cycle that they have at the start of a
# published training, beside squared error on heatmaps.
model = dict(
    head=dict(
        decoder=codec,
        **_base_.simcc_head,
        visual_token_loss=dict(loss_weight=1.4e-3),
        keypoint_token_loss=dict(loss_weight=1.4e-3),
    ),
    test_cfg=dict(_delete_=True, flip_test=True),
)

train_pipeline = [
    *_base_.train_pipeline[:-2],
    dict(type='GenerateTarget', encoder=label),
    dict(type='PackPoseInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
