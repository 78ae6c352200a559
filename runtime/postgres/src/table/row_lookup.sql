-- For each row that is asked for, in their order: whether there is a row of its key, its partition
-- and offset, the order of the versions, which columns differ, and those as JSON, as the table has
-- them and as it would have them.
select
  t.{found} is not null,
  {partition},
  {offset},
  {order},
  array[{differs}]::bool[],
  array[{before}]::jsonb[],
  array[{after}]::jsonb[]
from unnest({parameters}) with ordinality as u ({names}, n)
  left join {table} as t on {on}
order by u.n
