// What is written is not said.

#include "gristmill.h"
