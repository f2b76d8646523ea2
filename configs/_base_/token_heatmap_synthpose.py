# Small token heatmap models on SynthPose at 128x96. Make the data with
# `mim run mmpose_sdpose make_synthpose --out data/synthpose`, or say where it is in SYNTHPOSE_ROOT.
_base_ = ['./token_heatmap_small.py']

dataset_type = 'CocoDataset'
data_root = '{{$SYNTHPOSE_ROOT:data/synthpose}}/'
data_source = 'mim run mmpose_sdpose make_synthpose --out data/synthpose'

train_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/person_keypoints_train.json',
        data_prefix=dict(img='train/'),
        pipeline=_base_.train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/person_keypoints_val.json',
        data_prefix=dict(img='val/'),
        test_mode=True,
        pipeline=_base_.val_pipeline,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(
    type='CocoMetric', ann_file=data_root + 'annotations/person_keypoints_val.json'
)
test_evaluator = val_evaluator

default_hooks = dict(checkpoint=dict(save_best='coco/AP', rule='greater'))
