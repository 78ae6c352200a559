-- The role that gristmill uses: it owns its database, and is no superuser.
create role app login password 'app';
create database appdb owner app;
