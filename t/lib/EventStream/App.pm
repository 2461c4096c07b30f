# SPDX-License-Identifier: Apache-2.0
package EventStream::App;

=head1 NAME

EventStream::App - the application of a recipe, in a process of its own

=head1 SYNOPSIS

    use EventStream::App;       # exports the functions below

    need_or_skip(has_command('php-cgi'), 'there is no php-cgi here');
    my $text = sample('php/login.php', 'secret' => "'another secret'");
    my $app = EventStream::App->start(
        command => ['php-cgi', '-b', $socket], ready => sub { -S $socket });
    $app->stop;
    $app->restart;

=head1 FUNCTIONS

=over

=item need_or_skip($holds, $reason)

Ends the test if it does not hold: it is skipped, or fails if CI=true.

=item sample($path, %changes)

The bytes of conf/apps/$path, with texts in place of others; each must be there.

=back

=head1 METHODS

=over

=item start(%options)

Options: command => [...], env => {...}, dir => the working directory, ready =>
a function that is true when it serves, user => a user to run as, if the test is
root. Dies with the output if it does not become ready.

=item stop, restart, output

stop ends the process and all that it started.

=back

=cut

use strict;
use warnings;

use Exporter 'import';
use File::Temp ();
use Test::More ();

use EventStream::Client ();
use EventStream::Httpd;
use EventStream::Process qw(spawn);
use EventStream::Source;

our @ISA = ('EventStream::Process');
our @EXPORT = qw(need_or_skip sample);

my $READY_S = 30;

sub need_or_skip
{
    my ($holds, $reason) = @_;
    return if $holds;
    if (($ENV{CI} || '') eq 'true') {
        Test::More::fail($reason);
        Test::More::done_testing();
        exit 1;
    }
    Test::More::plan(skip_all => $reason);
    return;
}

sub sample
{
    my ($path, %change) = @_;
    my $text = text_of("conf/apps/$path");
    utf8::encode($text);
    for my $old (sort keys %change) {
        $text =~ s/\Q$old\E/$change{$old}/g or die "$path has no $old";
    }
    return $text;
}

sub start
{
    my ($class, %opt) = @_;
    my $self = bless {%opt}, $class;
    $self->owned;
    $self->{log} = File::Temp->new(TEMPLATE => 'es-XXXXXX', TMPDIR => 1);
    $self->restart;
    return $self;
}

sub output { return EventStream::Httpd::slurp($_[0]{log}->filename) }

sub restart
{
    my ($self) = @_;
    $self->{pid} = spawn(
        command => $self->{command}, log => $self->{log}->filename,
        env => $self->{env}, before => sub {
            setpgrp;
            umask 0;    # httpd's user connects to its socket
            chdir $self->{dir} if $self->{dir};
        });
    EventStream::Client::wait_for($self->{ready}, $READY_S)
        or die "@{$self->{command}} does not serve:\n" . $self->output;
    return;
}

sub stop
{
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    local ($?, $!);
    kill 'KILL', -$pid, $pid;
    waitpid $pid, 0;
    return;
}

sub at_end
{
    my ($self) = @_;
    $self->stop;
    return;
}

1;
