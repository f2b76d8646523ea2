# Small token SimCC models on SynthPose.
_base_ = ['./token_heatmap_synthpose.py', './token_simcc.py']

label = _base_.small_simcc
codec = dict(_delete_=True, **label)
model = dict(
    head=dict(decoder=codec, **_base_.simcc_head),
    test_cfg=dict(_delete_=True, flip_test=False),
)

train_pipeline = [
    *_base_.train_pipeline[:-2],
    dict(type='GenerateTarget', encoder=label),
    dict(type='PackPoseInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
