# SPDX-License-Identifier: Apache-2.0
#
# GRIP libraries publish to us unchanged, as to a proxy: the npm packages
# @fanoutio/grip and @fanoutio/eventstream. The checks are in
# browser/grip-publishers.mjs.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/browser";
use Driver;
use File::Temp ();
use Test::More;

Driver::need($_) for qw(eventsource @fanoutio/grip @fanoutio/eventstream);

my $key = $ENV{ES_PUBLISH_KEY} = 'key-0123456789abcdef';
my $file = File::Temp->new;    # readable for its owner only
print {$file} "$key\n";
$file->flush;
my $httpd = Driver::demo_httpd(<<"CONF");
<Location "/keyed">
    SetHandler eventstream-publish
    EventStreamPublishKey file:@{[$file->filename]}
</Location>
CONF
Driver::run('grip-publishers.mjs', $httpd);
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
