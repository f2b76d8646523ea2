# Recipe of the micro scale: lone drawn people at 96x64, 2 CPU cores, some minutes a run.
#   mim run mmpose_sdpose make_synthpose --out data/synthpose-micro \
#       --train 6000 --val 500 --seed 4 --size 128 --company alone
# No augmentation: no picture is seen more than a few times, and telling left from right takes longest.
_base_ = ['../../../../configs/_base_/token_heatmap_synthpose.py']

codec = dict(type='MSRAHeatmap', input_size=(64, 96), heatmap_size=(16, 24), sigma=1, unbiased=True)
data_root = '{{$SYNTHPOSE_MICRO_ROOT:data/synthpose-micro}}/'
data_source = (
    'mim run mmpose_sdpose make_synthpose --out data/synthpose-micro --train 6000 --val 500 --seed 4 '
    '--size 128 --company alone'
)

train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
val_pipeline = [
    *_base_.val_pipeline[:-2],
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='PackPoseInputs'),
]
# Pictures are small: loading them here costs less than handing them over from another process.
in_process = dict(num_workers=0, persistent_workers=False)
train_dataloader = dict(
    **in_process,
    dataset=dict(data_root=data_root, pipeline=train_pipeline),
)
val_dataloader = dict(**in_process, dataset=dict(data_root=data_root, pipeline=val_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'annotations/person_keypoints_val.json')
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=2, val_interval=2)
optim_wrapper = dict(optimizer=dict(fused=True))  # a tenth of a step's time on a CPU
param_scheduler = [
    dict(type='LinearLR', begin=0, end=50, start_factor=0.01, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        begin=0,
        end=2,
        T_max=2,
        eta_min=1e-5,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
default_hooks = dict(checkpoint=dict(save_best=None))
