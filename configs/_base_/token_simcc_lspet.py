# Small token SimCC models on Leeds Sports Pose Extended.
_base_ = ['./token_heatmap_lspet.py', './token_simcc.py']

label = _base_.small_simcc
codec = dict(_delete_=True, **label)
# The loss of a cycle is a sixth of the cross-entropy on heatmaps at the start, and the token distances
# with it.
model = dict(
    head=dict(
        decoder=codec,
        **_base_.simcc_head,
        visual_token_loss=dict(loss_weight=3e-4),
        keypoint_token_loss=dict(loss_weight=3e-4),
    ),
    test_cfg=dict(_delete_=True, flip_test=False),
)

train_pipeline = [
    *_base_.train_pipeline[:-2],
    dict(type='GenerateTarget', encoder=label),
    dict(type='PackPoseInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
