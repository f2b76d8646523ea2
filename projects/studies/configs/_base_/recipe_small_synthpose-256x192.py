# Recipe of the small scale: drawn people in company at 256x192, for one accelerator.
#   mim run mmpose_sdpose make_synthpose --out data/synthpose-small --train 20000 --val 1000 --seed 5
# The size of the pictures is the codec's: a study puts it into the pipelines, with the model's codec.
_base_ = ['../../../../configs/_base_/token_heatmap_synthpose.py']

codec = dict(
    type='MSRAHeatmap', input_size=(192, 256), heatmap_size=(48, 64), sigma=2, unbiased=True
)
data_root = '{{$SYNTHPOSE_SMALL_ROOT:data/synthpose-small}}/'
data_source = (
    'mim run mmpose_sdpose make_synthpose --out data/synthpose-small --train 20000 --val 1000 '
    '--seed 5'
)

train_dataloader = dict(batch_size=64, num_workers=8, dataset=dict(data_root=data_root))
val_dataloader = dict(num_workers=8, dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'annotations/person_keypoints_val.json')
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=30, val_interval=10)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=500, start_factor=0.001, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        begin=0,
        end=30,
        T_max=30,
        eta_min=1e-5,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
