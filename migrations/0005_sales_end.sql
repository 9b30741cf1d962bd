-- Until when an event is sold: to its start, unless it says otherwise. A late door may sell beyond the start, a presale may
-- end weeks before. It is null, and not a copy of the start, where nothing else was said, so that it moves with the start.
alter table events add column sales_end_at timestamptz;
