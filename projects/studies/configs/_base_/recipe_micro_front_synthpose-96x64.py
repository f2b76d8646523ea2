# The micro scale for what starts from random weights: people who are turned to the camera and do not
# lie, so that left is told from right by place; and twice the learning rate.
#   mim run mmpose_sdpose make_synthpose --out data/synthpose-micro-front \
#       --train 6000 --val 500 --seed 4 --size 128 --company alone --view front
_base_ = ['./recipe_micro_synthpose-96x64.py']

data_root = '{{$SYNTHPOSE_MICRO_FRONT_ROOT:data/synthpose-micro-front}}/'
data_source = (
    'mim run mmpose_sdpose make_synthpose --out data/synthpose-micro-front --train 6000 --val 500 '
    '--seed 4 --size 128 --company alone --view front'
)

train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'annotations/person_keypoints_val.json')
test_evaluator = val_evaluator
optim_wrapper = dict(optimizer=dict(lr=2e-3))
