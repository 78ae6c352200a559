-- Arrays are unnested in the select list: in FROM the server writes each of them into a tuple store
-- of its own before it reads the first row.
insert into {table} as t ({columns}){overriding}
select {values}
from {rows} as u{joins}{and_checkpoint}
where {filter}
on conflict ({key}) do update set {assignments}
where {guard} or {stale}
