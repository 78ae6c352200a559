-- Rows that are deleted or lack cells, beside the row that is stored. What is kept of that one is
-- read again under its lock: here it only makes the row pass what the columns ask for, as Postgres
-- looks at that before it finds the row.
select u.*, k.*
from (select {arrays}) as u
  left join lateral (
    select true as stored{stored}
    from {table} as t
    where ({looked_up}) and {on}
    limit 1
  ) as k on true
